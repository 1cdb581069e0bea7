"""`python -m fpack`."""

from fpack.cli import main

if __name__ == "__main__":
    main()
