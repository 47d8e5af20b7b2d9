// Recognising the chat template (the model specification, section 3.6).

#include "qvl/Import/ChatTemplate.h"

#include "CheckpointFiles.h"
#include "llvm/Support/JSON.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace {

using namespace qvl;
using namespace qvl::test;
using testing::HasSubstr;
namespace json = llvm::json;

/// The published text, from a checkpoint of the tree.
std::string publishedTemplate() {
  const std::string text = readFile(treePath("models/shapes-vl/chat_template.json"));
  const json::Value root = llvm::cantFail(json::parse(text));
  return root.getAsObject()->getString("chat_template")->str();
}

std::string replaced(std::string text, const std::string &from, const std::string &to) {
  for (size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size()))
    text.replace(at, from.size(), to);
  return text;
}

TEST(ChatTemplate, Published) { EXPECT_TRUE(isQwenChatTemplate(publishedTemplate())); }

TEST(ChatTemplate, LayoutDoesNotCount) {
  const std::string published = publishedTemplate();
  // One block a line, indented, as a .jinja file may have it: lstrip_blocks and trim_blocks drop
  // it.
  const std::string set = "{% set image_count = namespace(value=0) %}";
  EXPECT_TRUE(isQwenChatTemplate(replaced(published, set, "   " + set + "\n")));
  EXPECT_TRUE(isQwenChatTemplate(replaced(published, "{% endfor %}", "{%endfor%}")));
  EXPECT_TRUE(isQwenChatTemplate(replaced(published, "{% for", "{%- for")));
  EXPECT_TRUE(isQwenChatTemplate(
      replaced(published, set, "{% set image_count = namespace(value=0) -%}\n \n")));
  EXPECT_TRUE(isQwenChatTemplate(published + "\n"));
  EXPECT_TRUE(isQwenChatTemplate(replaced(published, "\n", "\r\n")));
}

TEST(ChatTemplate, ContentCounts) {
  const std::string published = publishedTemplate();
  EXPECT_FALSE(isQwenChatTemplate(""));
  EXPECT_FALSE(isQwenChatTemplate("{%"));
  EXPECT_FALSE(isQwenChatTemplate(replaced(published, "helpful", "kind")));
  EXPECT_FALSE(isQwenChatTemplate(replaced(published, "<|im_end|>\n", "<|im_end|>")));
  EXPECT_FALSE(isQwenChatTemplate(replaced(published, "Picture ", "Picture")));
  EXPECT_FALSE(isQwenChatTemplate(replaced(published, "<|im_start|>{{", "<|im_start|> {{")));
}

class ChatTemplateFiles : public testing::Test {
protected:
  std::string read() {
    warnings.clear();
    return llvm::cantFail(readChatTemplate(directory.path(), warnings));
  }
  void writeJson(const char *name, json::Value value) {
    std::string text;
    llvm::raw_string_ostream(text)
        << json::Value(json::Object{{"chat_template", std::move(value)}});
    directory.write(name, text);
  }

  TemporaryDirectory directory;
  std::vector<std::string> warnings;
};

TEST_F(ChatTemplateFiles, None) {
  EXPECT_EQ(read(), "qwen2_5_vl");
  ASSERT_EQ(warnings.size(), 1u);
  EXPECT_THAT(warnings[0], HasSubstr("no chat template"));
}

TEST_F(ChatTemplateFiles, EachPlace) {
  writeJson("tokenizer_config.json", publishedTemplate());
  EXPECT_EQ(read(), "qwen2_5_vl");
  EXPECT_TRUE(warnings.empty());
  writeJson("chat_template.json", "{{ other }}");
  read();
  ASSERT_EQ(warnings.size(), 1u);
  EXPECT_THAT(warnings[0], HasSubstr("chat_template.json: this chat template is not known"));
  directory.write("chat_template.jinja", publishedTemplate() + "\n");
  read();
  EXPECT_TRUE(warnings.empty());
}

TEST_F(ChatTemplateFiles, ListOfNamedTemplates) {
  writeJson("tokenizer_config.json",
            json::Array{json::Object{{"name", "tool_use"}, {"template", "x"}},
                        json::Object{{"name", "default"}, {"template", publishedTemplate()}}});
  read();
  EXPECT_TRUE(warnings.empty());
}

} // namespace
