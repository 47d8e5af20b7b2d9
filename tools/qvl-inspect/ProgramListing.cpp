// A program as people and as scripts read it.
#include "ProgramListing.h"

#include "Names.h"
#include "SizeText.h"
#include "lib/Runtime/Core/FlatbufferViews.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"

namespace qvlinspect {
namespace {

using Json = nlohmann::ordered_json;
using qvlfmt::BufferKind, qvlfmt::CommandKind;
using qvlrt::countOf, qvlrt::spanOf;

/// One program with what its numbers refer to.
class ProgramWriter {
public:
  ProgramWriter(const qvlfmt::Artifact &artifact, const qvlfmt::Target &target,
                const qvlfmt::Program &program)
      : artifact(artifact), target(target), program(program), sizes(program) {}

  std::string listing() const;
  Json json() const;

private:
  /// The name of a buffer; a view is its memory under another type.
  std::string bufferName(std::uint32_t number) const;
  std::string operandText(std::uint32_t number, bool written) const;
  std::string commandText(const qvlfmt::Command &command) const;
  std::string launchText(const qvlfmt::Command &command) const;
  Json commandJson(const qvlfmt::Command &command) const;
  Json launchJson(const qvlfmt::Command &command) const;
  Json typedJson(std::string name, const qvlfmt::Buffer &buffer) const;
  Json transientsJson() const;
  std::uint32_t inputs(const qvlfmt::Command &command) const {
    return countOf(command.buffers()) - command.outputs();
  }
  const qvlfmt::Buffer &buffer(std::uint32_t number) const {
    return *program.buffers()->Get(number);
  }
  std::vector<std::string> scalarTexts(const qvlfmt::Command &command) const;

  const qvlfmt::Artifact &artifact;
  const qvlfmt::Target &target;
  const qvlfmt::Program &program;
  SizeText sizes;
};

std::string ProgramWriter::bufferName(std::uint32_t number) const {
  const qvlfmt::Buffer &source = buffer(number);
  switch (source.kind()) {
  case BufferKind::Argument:
    return printable(source.name());
  case BufferKind::Weight:
    return printable(artifact.weights()->Get(source.index())->name());
  case BufferKind::View:
    // A chain of views is as long as an artifact likes, so it is not followed by recursion.
    while (buffer(number).kind() == BufferKind::View)
      number = buffer(number).index();
    return bufferName(number);
  case BufferKind::Transient:
    break;
  }
  return absl::StrCat("%", number);
}

std::string ProgramWriter::operandText(std::uint32_t number, bool written) const {
  const qvlfmt::Buffer &source = buffer(number);
  const std::string name = bufferName(number);
  if (source.kind() == BufferKind::View)
    return absl::StrCat(name, " as ", sizes.type(source));
  return written ? absl::StrCat(name, " ", sizes.type(source)) : name;
}

std::vector<std::string> ProgramWriter::scalarTexts(const qvlfmt::Command &command) const {
  std::vector<std::string> scalars;
  for (std::uint32_t scalar : spanOf(command.scalars()))
    scalars.push_back(sizes.of(scalar));
  return scalars;
}

std::string ProgramWriter::launchText(const qvlfmt::Command &command) const {
  std::vector<std::string> read, written;
  for (std::uint32_t i = 0; i < countOf(command.buffers()); ++i) {
    const bool output = i >= inputs(command);
    (output ? written : read).push_back(operandText(command.buffers()->Get(i), output));
  }
  std::string text =
      absl::StrCat("launch ", printable(target.kernels()->Get(command.kernel())->name()), " grid(",
                   sizes.of(command.grid()), ") in(", absl::StrJoin(read, ", "), ")");
  if (!written.empty())
    absl::StrAppend(&text, " out(", absl::StrJoin(written, ", "), ")");
  if (countOf(command.scalars()) > 0)
    absl::StrAppend(&text, " scalars(", absl::StrJoin(scalarTexts(command), ","), ")");
  return text;
}

std::string ProgramWriter::commandText(const qvlfmt::Command &command) const {
  std::string text;
  if (command.kind() == CommandKind::Launch)
    text = launchText(command);
  else if (command.kind() == CommandKind::Fill)
    text = absl::StrFormat("fill %s with 0x%02x", operandText(command.buffers()->Get(0), true),
                           command.fill());
  else
    text = absl::StrCat("copy ", operandText(command.buffers()->Get(0), false), " to ",
                        operandText(command.buffers()->Get(1), true));
  const std::string label = printable(command.label());
  return label.empty() ? text : absl::StrCat(text, "   # ", label);
}

std::string ProgramWriter::listing() const {
  const CommandCounts counts = countCommands(program);
  std::string text =
      absl::StrFormat("program %s of target %s: %u commands (%u launches, %u fills, %u copies)\n",
                      printable(program.name()), printable(target.name()), counts.total(),
                      counts.launches, counts.fills, counts.copies);
  absl::StrAppend(&text, "\nsizes\n");
  for (const auto &[name, meaning] : sizes.definitions())
    absl::StrAppend(&text, "  ", name, " = ", meaning, "\n");
  absl::StrAppend(&text, "\narguments\n");
  for (std::uint32_t number : spanOf(program.arguments()))
    absl::StrAppend(&text, "  ", operandText(number, /*written=*/true), "\n");
  absl::StrAppend(&text, "\ncommands\n");
  for (std::uint32_t i = 0; i < countOf(program.commands()); ++i)
    absl::StrAppendFormat(&text, "%5d  %s\n", i, commandText(*program.commands()->Get(i)));
  absl::StrAppend(&text, "\nresults\n");
  for (std::uint32_t i = 0; i < countOf(program.results()); ++i)
    absl::StrAppend(&text, "  ", printable(program.result_names()->Get(i)), " = ",
                    operandText(program.results()->Get(i), /*written=*/true), "\n");
  return text;
}

Json ProgramWriter::typedJson(std::string name, const qvlfmt::Buffer &buffer) const {
  Json dims = Json::array();
  for (std::uint32_t dim : spanOf(buffer.dims()))
    dims.push_back(sizes.of(dim));
  return {{"name", std::move(name)}, {"element", elementText(buffer.element())}, {"dims", dims}};
}

Json ProgramWriter::launchJson(const qvlfmt::Command &command) const {
  Json read = Json::array(), written = Json::array();
  for (std::uint32_t i = 0; i < countOf(command.buffers()); ++i) {
    const std::uint32_t number = command.buffers()->Get(i);
    (i < inputs(command) ? read : written).push_back(typedJson(bufferName(number), buffer(number)));
  }
  return {{"kind", "launch"},
          {"label", printable(command.label())},
          {"kernel", printable(target.kernels()->Get(command.kernel())->name())},
          {"grid", sizes.of(command.grid())},
          {"inputs", std::move(read)},
          {"outputs", std::move(written)},
          {"scalars", scalarTexts(command)}};
}

Json ProgramWriter::commandJson(const qvlfmt::Command &command) const {
  if (command.kind() == CommandKind::Launch)
    return launchJson(command);
  const std::uint32_t first = command.buffers()->Get(0);
  Json json = {{"kind", command.kind() == CommandKind::Fill ? "fill" : "copy"},
               {"label", printable(command.label())}};
  if (command.kind() == CommandKind::Fill) {
    json["outputs"] = Json::array({typedJson(bufferName(first), buffer(first))});
    json["value"] = command.fill();
    return json;
  }
  const std::uint32_t second = command.buffers()->Get(1);
  json["inputs"] = Json::array({typedJson(bufferName(first), buffer(first))});
  json["outputs"] = Json::array({typedJson(bufferName(second), buffer(second))});
  return json;
}

Json ProgramWriter::transientsJson() const {
  Json list = Json::array();
  for (std::uint32_t i = 0; i < countOf(program.buffers()); ++i) {
    if (buffer(i).kind() != BufferKind::Transient)
      continue;
    Json entry = typedJson(bufferName(i), buffer(i));
    entry["life"] = {buffer(i).first_command(), buffer(i).last_command()};
    list.push_back(std::move(entry));
  }
  return list;
}

Json ProgramWriter::json() const {
  Json definitions = Json::object(), arguments = Json::array(), results = Json::array(),
       commands = Json::array();
  for (const auto &[name, meaning] : sizes.definitions())
    definitions[name] = meaning;
  for (std::uint32_t number : spanOf(program.arguments()))
    arguments.push_back(typedJson(bufferName(number), buffer(number)));
  for (std::uint32_t i = 0; i < countOf(program.results()); ++i)
    results.push_back(
        typedJson(printable(program.result_names()->Get(i)), buffer(program.results()->Get(i))));
  for (std::uint32_t i = 0; i < countOf(program.commands()); ++i)
    commands.push_back(commandJson(*program.commands()->Get(i)));
  const CommandCounts counts = countCommands(program);
  return {{"name", printable(program.name())}, {"sizes", std::move(definitions)},
          {"arguments", std::move(arguments)}, {"results", std::move(results)},
          {"command_count", counts.total()},   {"launch_count", counts.launches},
          {"fill_count", counts.fills},        {"copy_count", counts.copies},
          {"transients", transientsJson()},    {"commands", std::move(commands)}};
}

} // namespace

CommandCounts countCommands(const qvlfmt::Program &program) {
  CommandCounts counts;
  for (std::uint32_t i = 0; i < countOf(program.commands()); ++i) {
    const CommandKind kind = program.commands()->Get(i)->kind();
    ++(kind == CommandKind::Launch ? counts.launches
       : kind == CommandKind::Fill ? counts.fills
                                   : counts.copies);
  }
  return counts;
}

std::string argumentList(const qvlfmt::Program &program) {
  const SizeText sizes(program);
  std::vector<std::string> texts;
  for (std::uint32_t number : spanOf(program.arguments())) {
    const qvlfmt::Buffer &buffer = *program.buffers()->Get(number);
    texts.push_back(absl::StrCat(printable(buffer.name()), " ", sizes.type(buffer)));
  }
  return absl::StrJoin(texts, ", ");
}

std::string resultList(const qvlfmt::Program &program) {
  const SizeText sizes(program);
  std::vector<std::string> texts;
  for (std::uint32_t i = 0; i < countOf(program.results()); ++i)
    texts.push_back(absl::StrCat(printable(program.result_names()->Get(i)), " ",
                                 sizes.type(*program.buffers()->Get(program.results()->Get(i)))));
  return absl::StrJoin(texts, ", ");
}

std::string listProgram(const qvlfmt::Artifact &artifact, const qvlfmt::Target &target,
                        const qvlfmt::Program &program) {
  return ProgramWriter(artifact, target, program).listing();
}

Json describeProgram(const qvlfmt::Artifact &artifact, const qvlfmt::Target &target,
                     const qvlfmt::Program &program) {
  return ProgramWriter(artifact, target, program).json();
}

} // namespace qvlinspect
