; What JavaScript's grammar and TypeScript's have in common.

(class_declaration name: (_) @name body: (_) @body) @definition.class
(class name: (_) @name body: (_) @body) @definition.class
(lexical_declaration (variable_declarator name: (identifier) @name value: (class body: (_) @body))) @definition.class
(function_declaration name: (_) @name body: (_) @body) @definition.function
(generator_function_declaration name: (_) @name body: (_) @body) @definition.function
(method_definition name: (_) @name body: (_) @body) @definition.method

(lexical_declaration (variable_declarator name: (identifier) @name value: [
  (arrow_function body: (_) @body)
  (function_expression body: (_) @body)
  (generator_function body: (_) @body)])) @definition.function
(variable_declaration (variable_declarator name: (identifier) @name value: [
  (arrow_function body: (_) @body)
  (function_expression body: (_) @body)
  (generator_function body: (_) @body)])) @definition.function
(assignment_expression left: (member_expression property: (_) @name) right: [
  (arrow_function body: (_) @body)
  (function_expression body: (_) @body)
  (generator_function body: (_) @body)]) @definition.function
(pair key: (property_identifier) @name value: [
  (arrow_function body: (_) @body)
  (function_expression body: (_) @body)
  (generator_function body: (_) @body)]) @definition.method

(program (lexical_declaration (variable_declarator name: (identifier) @name)) @definition.variable)
(program (lexical_declaration (variable_declarator name: [
  (object_pattern [
    (shorthand_property_identifier_pattern) @name
    (pair_pattern value: (identifier) @name)])
  (array_pattern (identifier) @name)])) @definition.variable)
(program (variable_declaration (variable_declarator name: (identifier) @name)) @definition.variable)
(program (export_statement (lexical_declaration (variable_declarator name: (identifier) @name)) @definition.variable))
(program (export_statement (variable_declaration (variable_declarator name: (identifier) @name)) @definition.variable))

(method_definition
  name: (property_identifier) @guard
  body: (statement_block
    (expression_statement
      (assignment_expression
        left: (member_expression object: (this) property: (_) @name))) @definition.field)
  (#set! guard "constructor"))

(export_statement declaration: (_ name: (_) @name)) @wrapper
(export_statement declaration: (_ (variable_declarator name: (identifier) @name))) @wrapper

(call_expression function: [
  (identifier) @reference.call
  (member_expression property: (_) @reference.call)])
(new_expression constructor: [
  (identifier) @reference.type
  (member_expression property: (_) @reference.type)])
(decorator [
  (identifier) @reference.other
  (member_expression property: (_) @reference.other)])
(pair value: (identifier) @reference.other)
(shorthand_property_identifier) @reference.other

(import_statement) @import
(export_statement source: (_)) @import
(call_expression
  function: (identifier) @guard
  arguments: (arguments . (string))
  (#set! guard "require")) @import
(call_expression function: (import) arguments: (arguments . (string))) @import
