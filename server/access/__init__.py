"""Accounts, devices and tokens: who may come in."""
