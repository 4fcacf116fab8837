"""Acknowledgements: receivers say by an id in the message that they have worked on it."""
