"""Facts to propositions, one file per subject; `vocabulary` holds them all."""
