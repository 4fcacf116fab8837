"""The one door through which requests leave."""
