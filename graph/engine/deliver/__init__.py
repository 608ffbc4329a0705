"""Telling people and programs that a file is there: at least once, under one id each."""
