"""Reports that this server runs itself, over the calls of any number of phone systems.

    definition ─▶ window · tables ─▶ fill (merged list, statistics) ─▶ spool ─▶ writers ─▶ a file
         │                                                                          │
       kept/  ◀── scheduler: due runs are claimed, beaten for, finished or taken over ──▶ deliver/

`gateway.py` is the front door for whoever asks; `scheduler.py` is what runs by itself.
"""
