"""`python -m agent` is `cloudpath`."""

from agent.cli import main

if __name__ == "__main__":
    main()
