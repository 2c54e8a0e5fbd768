"""Installs two packages, npixel and mdp, and the commands of the same names."""

from setuptools import find_packages, setup

EXTRAS = {
    "demo": ["matplotlib", "tqdm"],
    "images": ["pillow"],
    "rl": ["gymnasium"],
    "interop": ["safetensors", "onnx"],
    "bench": ["threadpoolctl", "torch", "quantecon", "mdpsolver", "stormpy"],
    "test": ["pytest", "hypothesis", "matplotlib", "tqdm", "pillow"],
    "oracles": ["torch", "gymnasium", "quantecon"],
}

setup(
    name="npixel",
    version="0.1.0",
    description="Autoregressive image models and Markov decision processes in NumPy: exact, and "
                "proved",
    long_description=open("README.md", encoding="utf-8").read(),
    long_description_content_type="text/markdown",
    license="MIT",
    python_requires=">=3.11",
    packages=find_packages(include=["npixel", "npixel.*", "mdp", "mdp.*"]),
    package_data={"npixel.data": ["*.npz"]},
    install_requires=["numpy", "numba", "scipy"],
    extras_require=EXTRAS,
    entry_points={"console_scripts": ["npixel = npixel.cli:main", "mdp = mdp.__main__:main"]},
)
