"""What each token of a tokenizer reads, from its files alone: no tokenizer is made of them."""
