"""The lit suites: dialects, passes, pipelines, tools. Run through the site configuration of a build folder."""
import os

import lit.formats

config.name = "qvl"
config.test_format = lit.formats.ShTest(execute_external=False)
config.suffixes = [".mlir", ".test"]
# Inputs are read by tests; the others are GoogleTest sources and data.
config.excludes = ["Inputs", "unit", "conformance", "goldens", "lit.cfg.py"]
config.test_source_root = os.path.join(config.qvl_source_dir, "test")
config.test_exec_root = os.path.join(config.qvl_binary_dir, "test")

# This build's tools first, then FileCheck, not, count and split-file of LLVM.
config.environment["PATH"] = os.pathsep.join(
    [os.path.join(config.qvl_binary_dir, "bin"), config.llvm_tools_dir, os.environ.get("PATH", "")]
)
config.substitutions.append(("%builddir", config.qvl_binary_dir))
config.substitutions.append(("%ci", os.path.join(config.qvl_source_dir, "tools", "ci")))
config.substitutions.append(("%models", os.path.join(config.qvl_source_dir, "models")))
config.substitutions.append(("%goldens", os.path.join(config.test_source_root, "e2e", "goldens")))
config.available_features.update(config.qvl_features)
