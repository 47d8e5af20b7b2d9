#include "ArtifactVerifier.h"
#include "ElementTypes.h"
#include "FlatbufferViews.h"
#include "qvlrt/status.h"

#include "absl/strings/str_cat.h"

#include <optional>
#include <vector>

namespace qvlrt {

namespace {

using qvlfmt::BufferKind, qvlfmt::CommandKind, qvlfmt::SizeOp;

/// Verifies one program; statuses name the part and its number.
class ProgramVerifier {
public:
  ProgramVerifier(const qvlfmt::Program &program, const qvlfmt::Target &target,
                  const WeightTable *weights)
      : program(program), target(target), weights(weights) {}

  absl::Status run();

private:
  absl::Status checkSizeNode(std::uint32_t number) const;
  absl::Status checkBuffer(std::uint32_t number) const;
  absl::Status checkArguments() const;
  void findRoots();
  absl::Status checkResults() const;
  absl::Status checkCommand(std::uint32_t number) const;
  absl::Status checkLaunch(const qvlfmt::Command &command) const;
  absl::Status checkMaps(const qvlfmt::Command &command, const qvlfmt::Kernel &kernel) const;
  bool holdsMap(const qvlfmt::TensorMap &map, const qvlfmt::Command &command) const;
  std::optional<std::uint64_t> constantBytes(const qvlfmt::Buffer &buffer, std::size_t from) const;
  absl::Status checkUse(std::uint32_t buffer, std::uint32_t command) const;
  absl::Status checkWritten(std::uint32_t buffer) const;

  const qvlfmt::Buffer &buffer(std::uint32_t number) const {
    return *program.buffers()->Get(number);
  }
  const qvlfmt::Buffer &rootOf(std::uint32_t number) const { return buffer(roots[number]); }
  std::uint32_t sizeCount() const { return countOf(program.sizes()); }
  std::uint32_t bufferCount() const { return countOf(program.buffers()); }
  std::uint32_t commandCount() const { return countOf(program.commands()); }

  const qvlfmt::Program &program;
  const qvlfmt::Target &target;
  const WeightTable *weights;
  std::vector<std::uint32_t> roots; // of every buffer: itself, or the end of its chain of views
};

absl::Status outOfRange(absl::string_view what, std::uint64_t index, std::uint64_t count) {
  return absl::InvalidArgumentError(absl::StrCat(what, " ", index, " of ", count));
}

absl::Status ProgramVerifier::checkSizeNode(std::uint32_t number) const {
  const qvlfmt::SizeNode &node = *program.sizes()->Get(number);
  switch (node.op()) {
  case SizeOp::Constant:
    return absl::OkStatus();
  case SizeOp::Dim: {
    std::span<const std::uint32_t> arguments = spanOf(program.arguments());
    if (node.lhs() >= arguments.size())
      return outOfRange("argument", node.lhs(), arguments.size());
    std::uint32_t rank = countOf(buffer(arguments[node.lhs()]).dims());
    return node.rhs() < rank ? absl::OkStatus() : outOfRange("dimension", node.rhs(), rank);
  }
  case SizeOp::Add:
  case SizeOp::Sub:
  case SizeOp::Mul:
  case SizeOp::FloorDiv:
  case SizeOp::CeilDiv:
  case SizeOp::Min:
  case SizeOp::Max:
    // Only earlier nodes: evaluation is one pass and cannot loop.
    if (node.lhs() >= number || node.rhs() >= number)
      return outOfRange("operand", std::max(node.lhs(), node.rhs()), number);
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat("operation ", node.op()));
}

absl::Status ProgramVerifier::checkBuffer(std::uint32_t number) const {
  const qvlfmt::Buffer &buffer = this->buffer(number);
  if (!isElementType(buffer.element()))
    return absl::InvalidArgumentError(absl::StrCat("element type ", buffer.element()));
  std::span<const std::uint32_t> dims = spanOf(buffer.dims());
  if (dims.size() > kMaxRank)
    return outOfRange("rank", dims.size(), kMaxRank);
  for (std::uint32_t dim : dims)
    if (dim >= sizeCount())
      return outOfRange("size", dim, sizeCount());
  switch (buffer.kind()) {
  case BufferKind::Argument:
    if (buffer.index() >= countOf(program.arguments()) ||
        program.arguments()->Get(buffer.index()) != number)
      return outOfRange("argument", buffer.index(), countOf(program.arguments()));
    return absl::OkStatus();
  case BufferKind::Weight:
    return buffer.index() < countOf(weights)
               ? absl::OkStatus()
               : outOfRange("weight", buffer.index(), countOf(weights));
  case BufferKind::View:
    return buffer.index() < number ? absl::OkStatus()
                                   : outOfRange("view of buffer", buffer.index(), number);
  case BufferKind::Transient:
    if (buffer.first_command() > buffer.last_command() || buffer.last_command() >= commandCount())
      return absl::InvalidArgumentError(absl::StrCat("life from ", buffer.first_command(), " to ",
                                                     buffer.last_command(), " of ",
                                                     commandCount()));
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat("kind ", buffer.kind()));
}

absl::Status ProgramVerifier::checkArguments() const {
  std::span<const std::uint32_t> arguments = spanOf(program.arguments());
  if (arguments.size() > kMaxKernelOperands)
    return absl::InvalidArgumentError(absl::StrCat(arguments.size(), " arguments"));
  for (std::uint32_t i = 0; i < arguments.size(); ++i) {
    if (arguments[i] >= bufferCount())
      return outOfRange("argument buffer", arguments[i], bufferCount());
    const qvlfmt::Buffer &argument = buffer(arguments[i]);
    if (argument.kind() != BufferKind::Argument || argument.index() != i)
      return absl::InvalidArgumentError(absl::StrCat("argument ", i, " is another buffer"));
    if (viewOf(argument.name()).empty())
      return absl::InvalidArgumentError(absl::StrCat("argument ", i, " has no name"));
    for (std::uint32_t j = 0; j < i; ++j)
      if (viewOf(buffer(arguments[j]).name()) == viewOf(argument.name()))
        return absl::InvalidArgumentError(
            absl::StrCat("two arguments are called ", argument.name()->c_str()));
  }
  return absl::OkStatus();
}

absl::Status ProgramVerifier::checkResults() const {
  std::span<const std::uint32_t> results = spanOf(program.results());
  if (countOf(program.result_names()) != results.size())
    return absl::InvalidArgumentError(
        absl::StrCat(results.size(), " results with ", countOf(program.result_names()), " names"));
  for (std::uint32_t result : results)
    if (result >= bufferCount())
      return outOfRange("result buffer", result, bufferCount());
  return absl::OkStatus();
}

void ProgramVerifier::findRoots() {
  roots.resize(bufferCount());
  for (std::uint32_t i = 0; i < bufferCount(); ++i)
    roots[i] = buffer(i).kind() == BufferKind::View ? roots[buffer(i).index()] : i;
}

absl::Status ProgramVerifier::checkUse(std::uint32_t number, std::uint32_t command) const {
  if (number >= bufferCount())
    return outOfRange("buffer", number, bufferCount());
  const qvlfmt::Buffer &root = rootOf(number);
  if (root.kind() == BufferKind::Transient &&
      (command < root.first_command() || command > root.last_command()))
    return absl::InvalidArgumentError(absl::StrCat("buffer ", number, " is used outside its life, ",
                                                   root.first_command(), " to ",
                                                   root.last_command()));
  return absl::OkStatus();
}

absl::Status ProgramVerifier::checkWritten(std::uint32_t number) const {
  // Weights lie in a read-only mapping: a store would end the process.
  if (rootOf(number).kind() == BufferKind::Weight)
    return absl::InvalidArgumentError(absl::StrCat("buffer ", number, " is a weight and written"));
  return absl::OkStatus();
}

/// Bytes of the dimensions from `from` on; none when they depend on arguments.
std::optional<std::uint64_t> ProgramVerifier::constantBytes(const qvlfmt::Buffer &buffer,
                                                            std::size_t from) const {
  std::vector<std::int64_t> dims;
  for (std::uint32_t dim : spanOf(buffer.dims()).subspan(from)) {
    const qvlfmt::SizeNode &node = *program.sizes()->Get(dim);
    if (node.op() != SizeOp::Constant)
      return std::nullopt;
    dims.push_back(node.value());
  }
  return tensorBytes(dims, buffer.element());
}

/// Whether the tensor of a map lies in the memory of its buffer, whatever the arguments are.
bool ProgramVerifier::holdsMap(const qvlfmt::TensorMap &map, const qvlfmt::Command &command) const {
  const qvlfmt::Buffer &memory = buffer(command.buffers()->Get(map.buffer()));
  std::uint64_t bytes = elementBytes(map.element());
  for (std::uint64_t size : spanOf(map.sizes()))
    bytes *= std::max<std::uint64_t>(size, 1); // of one element where a scalar is the last size
  const bool isStatic = map.sizes()->Get(map.sizes()->size() - 1) != 0;
  if (memory.kind() == BufferKind::Weight) // of one size, whatever its dims say
    return isStatic && bytes <= weights->Get(memory.index())->bytes();
  if (!isStatic && (countOf(memory.dims()) == 0 ||
                    memory.dims()->Get(0) != command.scalars()->Get(map.scalar())))
    return false;
  const std::optional<std::uint64_t> held = constantBytes(memory, isStatic ? 0 : 1);
  return held && bytes <= *held;
}

absl::Status ProgramVerifier::checkMaps(const qvlfmt::Command &command,
                                        const qvlfmt::Kernel &kernel) const {
  for (std::uint32_t form = 0; form < countOf(kernel.wide()); ++form) {
    const auto *maps = kernel.wide()->Get(form)->maps();
    for (std::uint32_t i = 0; i < countOf(maps); ++i)
      if (!holdsMap(*maps->Get(i), command))
        return absl::InvalidArgumentError(absl::StrCat(
            "tensor map ", i, " of ", kernel.wide()->Get(form)->symbol()->c_str(),
            " does not lie in buffer ", command.buffers()->Get(maps->Get(i)->buffer())));
  }
  return absl::OkStatus();
}

absl::Status ProgramVerifier::checkLaunch(const qvlfmt::Command &command) const {
  if (command.kernel() >= countOf(target.kernels()))
    return outOfRange("kernel", command.kernel(), countOf(target.kernels()));
  const qvlfmt::Kernel &kernel = *target.kernels()->Get(command.kernel());
  if (command.grid() >= sizeCount())
    return outOfRange("grid size", command.grid(), sizeCount());
  std::span<const std::uint32_t> buffers = spanOf(command.buffers());
  std::span<const std::uint32_t> scalars = spanOf(command.scalars());
  if (buffers.size() != kernel.buffer_count() || scalars.size() != kernel.scalar_count())
    return absl::InvalidArgumentError(absl::StrCat(
        buffers.size(), " buffers and ", scalars.size(), " scalars for kernel ",
        kernel.name()->c_str(), " with ", kernel.buffer_count(), " and ", kernel.scalar_count()));
  for (std::uint32_t scalar : scalars)
    if (scalar >= sizeCount())
      return outOfRange("scalar size", scalar, sizeCount());
  if (command.outputs() > buffers.size())
    return outOfRange("output", command.outputs(), buffers.size());
  for (std::uint32_t output : buffers.last(command.outputs()))
    QVLRT_RETURN_IF_ERROR(checkWritten(output));
  return checkMaps(command, kernel);
}

absl::Status ProgramVerifier::checkCommand(std::uint32_t number) const {
  const qvlfmt::Command &command = *program.commands()->Get(number);
  std::span<const std::uint32_t> buffers = spanOf(command.buffers());
  for (std::uint32_t buffer : buffers)
    QVLRT_RETURN_IF_ERROR(checkUse(buffer, number));
  switch (command.kind()) {
  case CommandKind::Launch:
    return checkLaunch(command);
  case CommandKind::Fill:
  case CommandKind::Copy: {
    std::size_t expected = command.kind() == CommandKind::Fill ? 1 : 2;
    if (buffers.size() != expected)
      return absl::InvalidArgumentError(
          absl::StrCat(buffers.size(), " buffers instead of ", expected));
    return checkWritten(buffers.back());
  }
  }
  return absl::InvalidArgumentError(absl::StrCat("kind ", command.kind()));
}

/// Runs `check` on 0 .. count - 1 and names the first that fails.
template <typename Check>
absl::Status checkEach(absl::string_view what, std::uint32_t count, Check check) {
  for (std::uint32_t i = 0; i < count; ++i)
    if (absl::Status status = check(i); !status.ok())
      return absl::InvalidArgumentError(absl::StrCat(what, " ", i, ": ", status.message()));
  return absl::OkStatus();
}

absl::Status ProgramVerifier::run() {
  // Arguments first: size nodes look at their buffers. Buffers before commands: only then do chains
  // of views end.
  QVLRT_RETURN_IF_ERROR(checkArguments());
  QVLRT_RETURN_IF_ERROR(
      checkEach("size", sizeCount(), [&](std::uint32_t i) { return checkSizeNode(i); }));
  QVLRT_RETURN_IF_ERROR(
      checkEach("buffer", bufferCount(), [&](std::uint32_t i) { return checkBuffer(i); }));
  findRoots();
  QVLRT_RETURN_IF_ERROR(
      checkEach("command", commandCount(), [&](std::uint32_t i) { return checkCommand(i); }));
  return checkResults();
}

} // namespace

absl::Status verifyProgram(const qvlfmt::Program &program, const qvlfmt::Target &target,
                           const WeightTable *weights) {
  return ProgramVerifier(program, target, weights).run();
}

} // namespace qvlrt
