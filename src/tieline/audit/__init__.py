"""Who changed what, and who looked at what must not be looked at unseen."""
