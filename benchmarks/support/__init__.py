"""What several benchmarks use to write their pages."""
