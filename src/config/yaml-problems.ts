/**
 * What is wrong with a YAML text, in words of our own: the parser's messages quote the text, and the text may hold a secret.
 */
import type { YAMLError } from 'yaml';

const SENTENCES: Readonly<Record<string, string>> = {
  ALIAS_PROPS: 'an alias can have no anchor or tag of its own',
  BAD_DIRECTIVE: 'this YAML directive is not understood',
  BAD_DQ_ESCAPE: 'this backslash escape does not exist in double quotes: write \\\\, or use single quotes',
  BAD_INDENT: 'the indentation does not fit',
  BAD_PROP_ORDER: 'an anchor or tag stands in the wrong place',
  BAD_SCALAR_START: 'a text can not begin with this character: put it in quotes',
  BLOCK_AS_IMPLICIT_KEY: 'a second "key: value" on the same line: put the text in quotes if it contains ": "',
  BLOCK_IN_FLOW: 'an indented block can not stand inside [ ] or { }',
  DUPLICATE_KEY: 'this key stands in the same mapping twice',
  KEY_OVER_1024_CHARS: 'this key is too long',
  MISSING_CHAR: 'a closing quote, bracket, colon or comma is missing',
  MULTILINE_IMPLICIT_KEY: 'a key must end on its own line, with a colon',
  MULTIPLE_ANCHORS: 'a value can have one anchor only',
  MULTIPLE_DOCS: 'the file holds more than one YAML document (---)',
  MULTIPLE_TAGS: 'a value can have one tag only',
  NON_STRING_KEY: 'a key must be a text',
  TAB_AS_INDENT: 'tabs can not indent YAML: use spaces',
  TAG_RESOLVE_FAILED: 'this tag is not understood',
  UNEXPECTED_TOKEN: 'this can not stand here',
};

export function describeYamlProblem(problem: YAMLError): string {
  return `not valid YAML: ${SENTENCES[problem.code] ?? 'it can not be read from here on'}`;
}
