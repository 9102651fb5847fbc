(package_clause (package_identifier) @name) @definition.module
(function_declaration name: (identifier) @name body: (_) @body) @definition.function
(function_declaration name: (identifier) @name) @definition.function
(method_declaration name: (_) @name body: (_) @body) @definition.method
(type_declaration (type_spec name: (_) @name type: (struct_type (field_declaration_list) @body))) @definition.class
(type_declaration (type_spec name: (_) @name type: (interface_type "{" @body))) @definition.interface
(type_declaration (type_spec name: (_) @name)) @definition.type
(type_declaration (type_alias name: (_) @name)) @definition.type
(field_declaration name: (_) @name) @definition.field
(method_elem name: (_) @name) @definition.method
(source_file (const_declaration (const_spec name: (identifier) @name) @definition.variable))
(source_file (var_declaration (var_spec name: (identifier) @name) @definition.variable))
(source_file (var_declaration (var_spec_list (var_spec name: (identifier) @name) @definition.variable)))

(call_expression function: [
  (identifier) @reference.call
  (selector_expression field: (_) @reference.call)
  (index_expression operand: [(identifier) @reference.call (selector_expression field: (_) @reference.call)])])
(type_identifier) @reference.type
(keyed_element value: (literal_element (identifier) @reference.other))
(argument_list (selector_expression field: (_) @reference.other))

(import_spec) @import
