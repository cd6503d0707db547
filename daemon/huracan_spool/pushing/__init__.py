"""`push`: the runs of the local archive go to Dropbox, through the store that the daemon uploads with.

Why a daemon may be at work at the same time:

- on the same account: to the store a push is one more host. Hosts that write to one folder at once end alike
  (`stores.reconcile`, `tests/model`); a push keeps runs of one symbol and date apart from each other, as a daemon
  does, and nothing else is asked of whoever calls `put`.
- in the archive: nothing there is ever overwritten, and files only move from a day's fixed places to
  `superseded/`, each by one rename. So a file is looked for where its record lies, then at the run's other place,
  then once more at the first; and sent from the descriptor that was hashed, wherever it moves meanwhile. A run that
  is being added has its record first; what is incomplete is looked at a second time, a moment later.

Killed at any instant, the next push goes on: what is in the account is not sent again, and of a large file only the
pieces that are missing.
"""
