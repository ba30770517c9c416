"""`python -m monitor` and the `holdpoint` command."""

from monitor.faces.cli import main

if __name__ == "__main__":
    main()
