"""Small copies of language models: what their forward passes show of where weights are kept."""
