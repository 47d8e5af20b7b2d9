// Writing a `.qvl` artifact: header, metadata, weights (include/qvlfmt/Version.h, artifact.fbs).
#pragma once

#include "qvl/Artifact/Artifact.h"

#include <functional>

namespace qvl {

struct ArtifactWriteOptions {
  /// Size of the blocks that weights stream through, in bytes. Memory stays near twice that.
  uint64_t blockBytes = 8 << 20;
  /// Called after each block with the stored weight bytes written and their total.
  std::function<void(uint64_t done, uint64_t total)> progress = nullptr;
};

/// Writes the artifact to `path`, atomically: on failure or interruption the former file, if any,
/// stays and nothing new is left. Reads each tensor once. The same description gives the same
/// bytes. Errors: BadInput (a truncated checkpoint, a bad path), System (disk full, no permission),
/// Internal (a description that contradicts itself).
llvm::Error writeArtifact(ArtifactDescription description, llvm::StringRef path,
                          const ArtifactWriteOptions &options = {});

} // namespace qvl
