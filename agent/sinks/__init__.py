"""Where samples go beside the local store: one module a kind of sink."""
