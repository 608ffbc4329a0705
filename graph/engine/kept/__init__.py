"""What is kept in the database: definitions, runs with their leases and files, deliveries, keys.

Functions of a connection, called by `store.py` within a transaction; moments are whole microseconds
since 1970, alike in every database.
"""
