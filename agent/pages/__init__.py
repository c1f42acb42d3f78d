"""Pages over HTTP for those on this host: who listens, who may ask, what is answered."""
