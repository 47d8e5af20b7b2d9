// The size arithmetic of a program as expressions over the sizes of its arguments.
#pragma once

#include "qvlfmt/artifact_generated.h"

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace qvlinspect {

/// Writes every size node of a program: `ceildiv(P,64)*3`. A dimension has the letter that the
/// calling convention gives it (vision_program.h, language_program.h), else the name of its
/// argument and its number: `mask.1`.
class SizeText {
public:
  /// `program` passed the artifact's verifier; borrowed for the constructor only.
  explicit SizeText(const qvlfmt::Program &program);

  const std::string &of(std::uint32_t node) const { return texts[node]; }

  /// "f32[P,1176]", the element type and dims of a buffer of the program.
  std::string type(const qvlfmt::Buffer &buffer) const;

  /// Names and what they stand for: letters of dimensions ("P", "pixels[0]") and expressions that
  /// were too long to be written where they are used ("s17", "...").
  const std::vector<std::pair<std::string, std::string>> &definitions() const { return named; }

private:
  /// How tightly the last operation of an expression binds.
  enum class Binding { Sum, Product, Atom };

  void add(const qvlfmt::Program &program, const qvlfmt::SizeNode &node);
  void addDimension(const qvlfmt::Program &program, const qvlfmt::SizeNode &node);
  void addText(std::string text, Binding binding);
  std::string operand(std::uint32_t node, Binding least) const;

  std::vector<std::string> texts;
  std::vector<Binding> bindings;
  std::vector<std::pair<std::string, std::string>> named;
};

} // namespace qvlinspect
