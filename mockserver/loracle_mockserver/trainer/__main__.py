"""`python -m loracle_mockserver.trainer` is the process of one training: see child.py."""

from loracle_mockserver.trainer.child import main

main()
