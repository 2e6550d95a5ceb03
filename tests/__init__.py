"""Tests in groups by folder: unit → workflow → replay → integration → e2e → faults; `make test` runs them in that order."""
