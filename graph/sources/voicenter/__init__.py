"""Voicenter, a cloud telephone exchange: its call log as a source."""
