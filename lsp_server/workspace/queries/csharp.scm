(namespace_declaration name: (_) @name body: (_) @body) @definition.module
(file_scoped_namespace_declaration name: (_) @name) @definition.module
(class_declaration name: (_) @name body: (_) @body) @definition.class
(struct_declaration name: (_) @name body: (_) @body) @definition.class
(record_declaration name: (_) @name body: (_) @body) @definition.class
(record_declaration name: (_) @name) @definition.class
(interface_declaration name: (_) @name body: (_) @body) @definition.interface
(enum_declaration name: (_) @name body: (_) @body) @definition.enum
(delegate_declaration name: (_) @name) @definition.type
(method_declaration name: (_) @name body: (_) @body) @definition.method
(method_declaration name: (_) @name) @definition.method
(constructor_declaration name: (_) @name body: (_) @body) @definition.method
(destructor_declaration name: (_) @name body: (_) @body) @definition.method
(local_function_statement name: (_) @name body: (_) @body) @definition.function
(property_declaration name: (_) @name accessors: (_) @body) @definition.field
(property_declaration name: (_) @name) @definition.field
(event_field_declaration (variable_declaration (variable_declarator name: (_) @name))) @definition.field
(field_declaration (variable_declaration (variable_declarator name: (_) @name))) @definition.field
(enum_member_declaration name: (_) @name) @definition.field
(record_declaration (parameter_list (parameter name: (_) @name) @definition.field))

(invocation_expression function: [
  (identifier) @reference.call
  (generic_name (identifier) @reference.call)
  (member_access_expression name: [(identifier) @reference.call (generic_name (identifier) @reference.call)])
  (conditional_access_expression (member_binding_expression name: (identifier) @reference.call))])
(object_creation_expression type: [
  (identifier) @reference.type
  (generic_name (identifier) @reference.type)
  (qualified_name name: (identifier) @reference.type)])
(base_list [
  (identifier) @reference.type
  (generic_name (identifier) @reference.type)
  (qualified_name name: (identifier) @reference.type)])
(_ type: [
  (identifier) @reference.type
  (generic_name (identifier) @reference.type)
  (nullable_type type: (identifier) @reference.type)
  (array_type type: (identifier) @reference.type)])
(_ returns: [
  (identifier) @reference.type
  (generic_name (identifier) @reference.type)
  (nullable_type type: (identifier) @reference.type)
  (array_type type: (identifier) @reference.type)])
(type_argument_list (identifier) @reference.type)
(attribute name: (identifier) @reference.type)

(using_directive) @import
