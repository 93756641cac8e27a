"""A GGUF file -> a language model as transformers knows it: configuration, weights, tokens."""
