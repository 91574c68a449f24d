/**
 * Messages for YAML errors. The parser's own messages quote the file, which may hold a secret.
 */
import type { YAMLError } from 'yaml';

const SENTENCES: Readonly<Record<string, string>> = {
  ALIAS_PROPS: 'an alias can have no anchor or tag of its own',
  BAD_DIRECTIVE: 'this YAML directive is not known',
  BAD_DQ_ESCAPE: 'this backslash escape does not exist in double quotes: write \\\\, or use single quotes',
  BAD_INDENT: 'the indentation is wrong',
  BAD_PROP_ORDER: 'an anchor or tag is in the wrong place',
  BAD_SCALAR_START: 'a string cannot begin with this character: put it in quotes',
  BLOCK_AS_IMPLICIT_KEY: 'a second "key: value" on the same line: put the string in quotes if it contains ": "',
  BLOCK_IN_FLOW: 'an indented block is not possible inside [ ] or { }',
  DUPLICATE_KEY: 'this key is in the same mapping twice',
  KEY_OVER_1024_CHARS: 'this key is too long',
  MISSING_CHAR: 'a closing quote, bracket, colon or comma is missing',
  MULTILINE_IMPLICIT_KEY: 'a key must end on its own line, with a colon',
  MULTIPLE_ANCHORS: 'a value can have one anchor only',
  MULTIPLE_DOCS: 'the file holds more than one YAML document (---)',
  MULTIPLE_TAGS: 'a value can have one tag only',
  NON_STRING_KEY: 'a key must be a string',
  TAB_AS_INDENT: 'YAML cannot be indented with tabs: use spaces',
  TAG_RESOLVE_FAILED: 'this tag is not known',
  UNEXPECTED_TOKEN: 'this is not possible here',
};

export function describeYamlProblem(problem: YAMLError): string {
  return `not valid YAML: ${SENTENCES[problem.code] ?? 'it cannot be parsed from here on'}`;
}
