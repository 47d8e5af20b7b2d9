// Changes of artifacts that leave the flatbuffer valid, so that they reach the checks of meaning
// and what lies behind them.
#pragma once

#include "qvlfmt/artifact_generated.h"

#include <random>
#include <vector>

namespace qvlrt::test {

/// Makes random changes, the same ones for the same seed.
class ArtifactMutator {
public:
  explicit ArtifactMutator(unsigned seed) : random(seed) {}

  /// Changes one field, or one entry of a list, somewhere in the artifact.
  void change(qvlfmt::ArtifactT &artifact);

private:
  std::size_t below(std::size_t count) { return random() % count; }

  template <typename Number> void number(Number &value);
  template <typename Enum> void kind(Enum &value);
  void real(double &value);
  /// Drops, doubles or swaps entries, or changes one by `entry`.
  template <typename Entry, typename Change> void list(std::vector<Entry> &entries, Change entry);
  template <typename Number> void numbers(std::vector<Number> &values);

  void facts(qvlfmt::ModelFactsT &facts);
  void processor(qvlfmt::ProcessorFactsT &facts);
  void generation(qvlfmt::GenerationDefaultsT &defaults);
  void tokenizer(qvlfmt::TokenizerT &tokenizer);
  void weight(qvlfmt::WeightT &weight);
  void target(qvlfmt::TargetT &target);
  void kernel(qvlfmt::KernelT &kernel);
  void wideForm(qvlfmt::WideFormT &form);
  void map(qvlfmt::TensorMapT &map);
  void program(qvlfmt::ProgramT &program);
  void sizeNode(qvlfmt::SizeNode &node);
  void buffer(qvlfmt::BufferT &buffer);
  void command(qvlfmt::CommandT &command);

  std::minstd_rand random;
};

/// An artifact with everything that a format version of this library can hold: code for both
/// targets, a wide form with a tensor map, pictures apart from videos, ids chosen by the program.
qvlfmt::ArtifactT artifactOfEverything();

} // namespace qvlrt::test
