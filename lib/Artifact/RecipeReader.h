// Recipes evaluated row by row.
#pragma once

#include "qvl/Artifact/Recipe.h"

namespace qvl {

/// The first reason why `recipe` cannot be evaluated over `sources`; empty when there is none.
std::string contradictionOf(const Recipe &recipe, llvm::ArrayRef<TensorInfo> sources);

/// Makes blocks of rows of a recipe. Asked for ascending blocks that do not overlap, it reads every
/// byte of a source once. Memory: one block for each operand that changes on the way up.
class RecipeReader {
public:
  RecipeReader(llvm::ArrayRef<TensorInfo> sources, TensorReader &reader)
      : sources(sources), reader(reader) {}

  /// Writes rows [first, first + count) of what a verified recipe makes, in its element type.
  llvm::Error read(const Recipe &recipe, int64_t first, int64_t count, char *rows);

private:
  llvm::Error readConcat(const Recipe &recipe, int64_t first, int64_t count, char *rows);
  llvm::Error readPad(const Recipe &recipe, int64_t first, int64_t count, char *rows);
  /// The rows of the only operand.
  llvm::Expected<std::vector<char>> readOperand(const Recipe &recipe, int64_t first, int64_t count);

  llvm::ArrayRef<TensorInfo> sources;
  TensorReader &reader;
};

} // namespace qvl
