"""Meter readings: their rules, the unit of work that changes them, and their store."""
