"""`python -m dr` is `dr`."""

from dr.cli import main

if __name__ == "__main__":
    main()
