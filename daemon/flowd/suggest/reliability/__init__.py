"""How a provider is asked without trusting it to answer: each part a small piece of its own."""
