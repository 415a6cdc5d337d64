"""Who asks: API keys, an issuer's tokens, and tickets for who can not send a header."""
