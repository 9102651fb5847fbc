(class_definition name: (identifier) @name body: (block) @body) @definition.class
(function_definition name: (identifier) @name body: (block) @body) @definition.function
(decorated_definition definition: (_ name: (identifier) @name)) @wrapper
(type_alias_statement left: (type [(identifier) @name (generic_type . (identifier) @name)])) @definition.type

(class_definition body: (block (expression_statement (assignment left: (identifier) @name)) @definition.field))

; What an instance is given when it is made.
(function_definition
  name: (identifier) @guard
  body: (block
    (expression_statement
      (assignment
        left: (attribute object: (identifier) @guard attribute: (identifier) @name))) @definition.field)
  (#set! guard "__init__ self"))

(module (expression_statement (assignment left: [
  (identifier) @name
  (pattern_list (identifier) @name)
  (tuple_pattern (identifier) @name)])) @definition.variable)
(module [
  (if_statement (block (expression_statement (assignment left: (identifier) @name)) @definition.variable))
  (if_statement (else_clause (block (expression_statement (assignment left: (identifier) @name)) @definition.variable)))
  (try_statement (block (expression_statement (assignment left: (identifier) @name)) @definition.variable))
  (try_statement (except_clause (block (expression_statement (assignment left: (identifier) @name)) @definition.variable)))])

(call function: [
  (identifier) @reference.call
  (attribute attribute: (identifier) @reference.call)])

(type [
  (identifier) @reference.type
  (attribute attribute: (identifier) @reference.type)
  (generic_type . (identifier) @reference.type)
  (subscript value: [(identifier) @reference.type (attribute attribute: (identifier) @reference.type)])])
(class_definition superclasses: (argument_list [
  (identifier) @reference.type
  (attribute attribute: (identifier) @reference.type)
  (subscript value: [(identifier) @reference.type (attribute attribute: (identifier) @reference.type)])]))
(except_clause [
  (identifier) @reference.type
  (attribute attribute: (identifier) @reference.type)
  (tuple [(identifier) @reference.type (attribute attribute: (identifier) @reference.type)])
  (as_pattern [
    (identifier) @reference.type
    (attribute attribute: (identifier) @reference.type)
    (tuple [(identifier) @reference.type (attribute attribute: (identifier) @reference.type)])])])

(decorator [(identifier) @reference.other (attribute attribute: (identifier) @reference.other)])
(keyword_argument value: (identifier) @reference.other)
(pair value: (identifier) @reference.other)

(import_statement) @import
(import_from_statement) @import
(future_import_statement) @import
