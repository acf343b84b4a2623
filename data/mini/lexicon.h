// The closed vocabulary of the mini world: a WordPiece vocabulary of whole words, digits, punctuation and single
// letters.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace scalselect::mini {

/// All pieces in id order: `<unk>` 0, `<s>` 1, `</s>` 2, `<pad>` 3, `<image>` 4, then punctuation, digits, letters
/// (`a`..`z`, `##a`..`##z`), then words. Case matters. Write them into tokenizer.json as model.vocab, type WordPiece,
/// `unk_token` "<unk>", `continuing_subword_prefix` "##", pre-tokenizer: split on white space, isolate punctuation.
const std::vector<std::string>& lexicon();

/// Id of a piece; nothing if it is not in the lexicon.
std::optional<std::int64_t> piece_id(std::string_view piece);

/// WordPiece over the lexicon: white space splits, every ASCII punctuation mark is a word, then the longest piece
/// first. A word that cannot be covered gives "<unk>". `<image>` is recognised as one piece.
std::vector<std::string> to_pieces(std::string_view text);

/// "lamp" -> {"l", "##a", "##m", "##p"}: what to_pieces gives for a word that no lexicon word starts.
std::vector<std::string> spell(std::string_view word);

/// True if some lexicon word of two or more letters is a prefix of `word` (such a word would not be spelled).
bool starts_with_lexicon_word(std::string_view word);

/// Neutral words ("please", "see", ...) that may occur between a key and its value without meaning.
const std::vector<std::string>& noise_words();

}  // namespace scalselect::mini
