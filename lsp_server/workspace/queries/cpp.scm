(class_specifier name: [
  (type_identifier) @name
  (template_type name: (type_identifier) @name)
  (qualified_identifier name: (type_identifier) @name)] body: (_) @body) @definition.class
(struct_specifier name: [
  (template_type name: (type_identifier) @name)
  (qualified_identifier name: (type_identifier) @name)] body: (_) @body) @definition.class
(namespace_definition name: (_) @name body: (_) @body) @definition.module
(alias_declaration name: (type_identifier) @name) @definition.type
(concept_definition name: (identifier) @name) @definition.type
(template_declaration (_ name: (_) @name)) @wrapper
(template_declaration (_ declarator: (function_declarator declarator: (identifier) @name))) @wrapper
(template_declaration (_ declarator: (function_declarator declarator: (field_identifier) @name))) @wrapper
(template_declaration (_ declarator: (reference_declarator (function_declarator declarator: (_) @name)))) @wrapper
(template_declaration (_ declarator: (function_declarator declarator: (qualified_identifier name: (_) @name)))) @wrapper

(function_definition declarator: [
  (function_declarator declarator: (field_identifier) @name)
  (function_declarator declarator: (destructor_name) @name)
  (function_declarator declarator: (operator_name) @name)
  (reference_declarator (function_declarator declarator: [
    (identifier) @name
    (field_identifier) @name
    (operator_name) @name]))
  (pointer_declarator declarator: (function_declarator declarator: (field_identifier) @name))]
  body: (_)? @body) @definition.function
(function_definition declarator: [
  (function_declarator declarator: (qualified_identifier name: [
    (identifier) @name
    (destructor_name) @name
    (operator_name) @name
    (qualified_identifier name: (_) @name)]))
  (reference_declarator (function_declarator declarator: (qualified_identifier name: (_) @name)))
  (pointer_declarator declarator: (function_declarator declarator: (qualified_identifier name: (_) @name)))]
  body: (_) @body) @definition.method
(declaration declarator: [
  (reference_declarator (function_declarator declarator: (identifier) @name))
  (function_declarator declarator: [(destructor_name) @name (operator_name) @name])]) @definition.function
(field_declaration declarator: [
  (function_declarator declarator: [(field_identifier) @name (operator_name) @name])
  (reference_declarator (function_declarator declarator: [(field_identifier) @name (operator_name) @name]))
  (pointer_declarator declarator: (function_declarator declarator: (field_identifier) @name))]) @definition.method
(field_declaration declarator: (reference_declarator (field_identifier) @name)) @definition.field
(namespace_definition body: (declaration_list (declaration declarator: [
  (identifier) @name
  (init_declarator declarator: (identifier) @name)]) @definition.variable))

(call_expression function: [
  (qualified_identifier name: [
    (identifier) @reference.call
    (template_function name: (identifier) @reference.call)
    (qualified_identifier name: (identifier) @reference.call)])
  (template_function name: (identifier) @reference.call)])
(namespace_identifier) @reference.other
