"""What runs later and again: the job queue, its workers, periodic duties."""
