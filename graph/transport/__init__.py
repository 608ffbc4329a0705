"""How a source is asked: the only room that sends."""
