"""`python3 -m iot_dr.cli`, for where no console script is installed."""

from iot_dr.cli.main import main

main()
