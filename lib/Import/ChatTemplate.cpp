#include "qvl/Import/ChatTemplate.h"
#include "qvl/Import/JsonDocument.h"

#include "llvm/Support/raw_ostream.h"
#include <optional>

using namespace qvl;
namespace json = llvm::json;

static constexpr uint64_t kMaxTemplateBytes = 1 << 20;

/// The published template in its normal form.
static constexpr llvm::StringLiteral kKnownTemplate =
    "{% set image_count = namespace(value=0) %}"
    "{% set video_count = namespace(value=0) %}"
    "{% for message in messages %}"
    "{% if loop.first and message['role'] != 'system' %}"
    "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n"
    "{% endif %}"
    "<|im_start|>{{ message['role'] }}\n"
    "{% if message['content'] is string %}"
    "{{ message['content'] }}<|im_end|>\n"
    "{% else %}"
    "{% for content in message['content'] %}"
    "{% if content['type'] == 'image' or 'image' in content or 'image_url' in content %}"
    "{% set image_count.value = image_count.value + 1 %}"
    "{% if add_vision_id %}Picture {{ image_count.value }}: {% endif %}"
    "<|vision_start|><|image_pad|><|vision_end|>"
    "{% elif content['type'] == 'video' or 'video' in content %}"
    "{% set video_count.value = video_count.value + 1 %}"
    "{% if add_vision_id %}Video {{ video_count.value }}: {% endif %}"
    "<|vision_start|><|video_pad|><|vision_end|>"
    "{% elif 'text' in content %}{{ content['text'] }}"
    "{% endif %}{% endfor %}<|im_end|>\n"
    "{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}";

//===----------------------------------------------------------------------===//
// Comparison
//===----------------------------------------------------------------------===//

/// Drops blanks between the start of the line and the end of `text` (lstrip_blocks).
static void stripLineStart(std::string &text) {
  const size_t last = text.find_last_not_of(" \t");
  if (last == std::string::npos)
    text.clear();
  else if (text[last] == '\n')
    text.resize(last + 1);
}

/// Copies the block tag at the front of `rest` with single blanks inside, and drops what its
/// whitespace control ("{%-", "-%}") and the line break behind it drop.
static void takeBlock(llvm::StringRef &rest, std::string &text) {
  const size_t end = rest.find("%}");
  llvm::StringRef inner = rest.slice(2, end);
  rest = end == llvm::StringRef::npos ? "" : rest.drop_front(end + 2);
  if (inner.consume_front("-"))
    text.resize(llvm::StringRef(text).rtrim().size());
  else
    stripLineStart(text);
  if (inner.consume_back("-"))
    rest = rest.ltrim();
  else
    rest.consume_front("\n");
  text += "{% " + inner.trim().str() + " %}";
}

/// The template as Jinja reads it under trim_blocks and lstrip_blocks.
static std::string normalForm(llvm::StringRef jinja) {
  std::string unixText;
  for (char c : jinja)
    if (c != '\r')
      unixText += c;
  llvm::StringRef rest = unixText;
  std::string text;
  while (!rest.empty()) {
    if (rest.starts_with("{%")) {
      takeBlock(rest, text);
      continue;
    }
    text += rest.front();
    rest = rest.drop_front();
  }
  // Jinja drops one line break at the end of a template.
  if (!text.empty() && text.back() == '\n')
    text.pop_back();
  return text;
}

bool qvl::isQwenChatTemplate(llvm::StringRef jinja) {
  return normalForm(jinja) == normalForm(kKnownTemplate);
}

//===----------------------------------------------------------------------===//
// Files
//===----------------------------------------------------------------------===//

/// The field `chat_template`: a string, or a list of named templates of which "default" counts.
static std::optional<std::string> templateField(const json::Object &root) {
  if (std::optional<llvm::StringRef> text = root.getString("chat_template"))
    return text->str();
  if (const json::Array *named = root.getArray("chat_template"))
    for (const json::Value &entry : *named)
      if (const json::Object *object = entry.getAsObject())
        if (object->getString("name") == "default")
          return object->getString("template").value_or("").str();
  return std::nullopt;
}

/// The template in one file; nothing when the file or its field is absent.
static llvm::Expected<std::optional<std::string>> readTemplateFile(llvm::StringRef path) {
  if (!fileExists(path))
    return std::nullopt;
  if (path.ends_with(".jinja")) {
    llvm::Expected<std::string> text = readTextFile(path, kMaxTemplateBytes);
    if (!text)
      return text.takeError();
    return std::move(*text);
  }
  llvm::Expected<json::Object> root = readJsonObject(path);
  if (!root)
    return root.takeError();
  return templateField(*root);
}

llvm::Expected<std::string> qvl::readChatTemplate(llvm::StringRef directory,
                                                  std::vector<std::string> &warnings) {
  for (llvm::StringRef name :
       {"chat_template.jinja", "chat_template.json", "tokenizer_config.json"}) {
    const std::string path = pathIn(directory, name);
    llvm::Expected<std::optional<std::string>> text = readTemplateFile(path);
    if (!text)
      return text.takeError();
    if (!*text)
      continue;
    if (!isQwenChatTemplate(**text))
      warnings.push_back(path + ": this chat template is not known; prompts are rendered with the "
                                "built-in template of Qwen2.5-VL");
    return kQwenChatTemplate.str();
  }
  warnings.push_back(directory.str() + ": no chat template; prompts are rendered with the built-in "
                                       "template of Qwen2.5-VL");
  return kQwenChatTemplate.str();
}
