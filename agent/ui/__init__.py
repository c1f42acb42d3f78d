"""The live pages of `cloudpath ui`: who may see them, what each is made of, and the process that serves them."""
