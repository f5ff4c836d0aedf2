"""A right client over httpx."""

from skeleton import Client, main

main(Client())
