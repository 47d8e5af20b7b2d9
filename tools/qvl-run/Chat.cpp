// A conversation on a terminal.
#include "Chat.h"

#include "ErrorLine.h"
#include "Interrupt.h"
#include "Model.h"
#include "OutputFile.h"
#include "qvlrt/status.h"

#include <cstdio>
#include <iostream>
#include <string>
#include <vector>

namespace qvlrun {
namespace {

constexpr const char *kGreeting = "Ask a question. /image PATH and /video FOLDER add media to the "
                                  "next one, /new starts over, /quit ends.\n";

class Chat {
public:
  Chat(const Options &options, qvlrt::LoadedModel &model) : options(options), model(model) {
    startOver();
  }

  absl::Status run();

private:
  void startOver();
  bool handleCommand(const std::string &line);
  void attach(qvlrt::MediaKind kind, const std::string &path);
  absl::Status ask(const std::string &question);
  absl::StatusOr<std::string> answer();

  const Options &options;
  qvlrt::LoadedModel &model;
  std::vector<qvlrt::Message> conversation;
  std::vector<qvlrt::PromptArguments::Media> pending; // media of the next question
  bool done = false;
};

void Chat::startOver() {
  pending.clear();
  conversation.clear();
  if (options.system)
    conversation.push_back({"system", {{*options.system, std::nullopt}}});
}

void Chat::attach(qvlrt::MediaKind kind, const std::string &path) {
  pending.push_back({kind, path});
  std::fprintf(stderr, "added %s to the next question\n", path.c_str());
}

/// Whether the line was a command.
bool Chat::handleCommand(const std::string &line) {
  if (!line.starts_with('/'))
    return false;
  const std::size_t space = line.find(' ');
  const std::string command = line.substr(0, space);
  const std::string argument = space == std::string::npos ? "" : line.substr(space + 1);
  if (command == "/quit")
    done = true;
  else if (command == "/new")
    startOver();
  else if (command == "/image" && !argument.empty())
    attach(qvlrt::MediaKind::Image, argument);
  else if (command == "/video" && !argument.empty())
    attach(qvlrt::MediaKind::Video, argument);
  else
    std::fputs(kGreeting, stderr);
  return true;
}

absl::StatusOr<std::string> Chat::answer() {
  QVLRT_ASSIGN_OR_RETURN(const qvlrt::ProcessedRequest request,
                         model.processor.process(conversation, processingOf(options)));
  qvlrt::GenerationOptions generation = generationOf(options, *model.session);
  generation.cancelled = interrupted;
  generation.onText = [](std::string_view piece) {
    std::fwrite(piece.data(), 1, piece.size(), stdout);
    std::fflush(stdout);
  };
  absl::StatusOr<qvlrt::GenerationResult> result =
      qvlrt::generate(*model.session, model.processor.tokenizer(), request, generation);
  std::fputs("\n", stdout);
  QVLRT_RETURN_IF_ERROR(flushOutput());
  QVLRT_RETURN_IF_ERROR(result.status());
  return std::move(result->text);
}

absl::Status Chat::ask(const std::string &question) {
  QVLRT_ASSIGN_OR_RETURN(
      std::vector<qvlrt::Message> turn,
      qvlrt::makeMessages(
          {.system = {}, .prompt = question, .media = pending, .fps = options.fps}));
  pending.clear();
  const std::size_t before = conversation.size();
  conversation.insert(conversation.end(), turn.begin(), turn.end());
  const absl::StatusOr<std::string> text = answer();
  if (!text.ok()) {
    conversation.resize(before);
    return text.status();
  }
  conversation.push_back({"assistant", {{*text, std::nullopt}}});
  return absl::OkStatus();
}

absl::Status Chat::run() {
  catchInterrupts();
  std::fputs(kGreeting, stderr);
  std::string line;
  while (!done) {
    resetInterrupt();
    std::fputs("> ", stderr);
    if (!std::getline(std::cin, line))
      break;
    if (line.empty() || handleCommand(line))
      continue;
    if (const absl::Status status = ask(line); !status.ok())
      reportError(status);
  }
  if (interrupted())
    return absl::CancelledError("interrupted");
  return absl::OkStatus();
}

} // namespace

absl::Status chat(const Options &options) {
  QVLRT_ASSIGN_OR_RETURN(qvlrt::LoadedModel model, loadModel(options));
  return Chat(options, model).run();
}

} // namespace qvlrun
