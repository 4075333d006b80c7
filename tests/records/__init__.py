"""Tests of records. A package, because another folder has tests of its own rules under the same file name."""
