(struct_item name: (_) @name body: (field_declaration_list) @body) @definition.class
(struct_item name: (_) @name) @definition.class
(union_item name: (_) @name body: (_) @body) @definition.class
(enum_item name: (_) @name body: (_) @body) @definition.enum
(trait_item name: (_) @name body: (_) @body) @definition.interface
; What is implemented for a type stands under that type's name.
(impl_item type: [
  (type_identifier) @name
  (generic_type type: (type_identifier) @name)
  (generic_type type: (scoped_type_identifier name: (_) @name))
  (reference_type type: (type_identifier) @name)
  (scoped_type_identifier name: (_) @name)] body: (_) @body) @definition.class
(mod_item name: (_) @name body: (_) @body) @definition.module
(function_item name: (_) @name body: (_) @body) @definition.function
(function_signature_item name: (_) @name) @definition.function
(type_item name: (_) @name) @definition.type
(associated_type name: (_) @name) @definition.type
(macro_definition name: (_) @name (macro_rule) @body) @definition.macro
(field_declaration name: (_) @name) @definition.field
(enum_variant name: (_) @name) @definition.field
(source_file (const_item name: (_) @name) @definition.variable)
(source_file (static_item name: (_) @name) @definition.variable)
(declaration_list (const_item name: (_) @name) @definition.variable)
(declaration_list (static_item name: (_) @name) @definition.variable)

(call_expression function: [
  (identifier) @reference.call
  (field_expression field: (_) @reference.call)
  (scoped_identifier name: (_) @reference.call)
  (generic_function function: [
    (identifier) @reference.call
    (field_expression field: (_) @reference.call)
    (scoped_identifier name: (_) @reference.call)])])
(macro_invocation macro: [(identifier) @reference.call (scoped_identifier name: (_) @reference.call)])
(type_identifier) @reference.type
(scoped_identifier path: (identifier) @reference.other)

(use_declaration) @import
(extern_crate_declaration) @import
(mod_item !body) @import
