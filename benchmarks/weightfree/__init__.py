"""Weight-free inpainting and outpainting beside the libraries that do the same, in one run.

Run from the repository's root: `python -m benchmarks.weightfree --quick`. Nothing is downloaded:
the pictures lie in the wheels of scikit-image and scikit-learn, or are generated.
"""
