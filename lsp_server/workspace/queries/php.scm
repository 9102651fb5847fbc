(namespace_definition name: (_) @name body: (_) @body) @definition.module
(namespace_definition name: (_) @name) @definition.module
(class_declaration name: (_) @name body: (_) @body) @definition.class
(interface_declaration name: (_) @name body: (_) @body) @definition.interface
(trait_declaration name: (_) @name body: (_) @body) @definition.interface
(enum_declaration name: (_) @name body: (_) @body) @definition.enum
(function_definition name: (_) @name body: (_) @body) @definition.function
(method_declaration name: (_) @name body: (_) @body) @definition.method
(method_declaration name: (_) @name) @definition.method
(property_declaration (property_element name: (_) @name)) @definition.field
(property_promotion_parameter name: (_) @name) @definition.field
(const_declaration (const_element . (name) @name)) @definition.variable
(enum_case name: (_) @name) @definition.field

(function_call_expression function: [(name) @reference.call (qualified_name (name) @reference.call)])
(member_call_expression name: (name) @reference.call)
(nullsafe_member_call_expression name: (name) @reference.call)
(scoped_call_expression name: (name) @reference.call)
(scoped_call_expression scope: (name) @reference.type)
(class_constant_access_expression . (name) @reference.type)
(object_creation_expression [(name) @reference.type (qualified_name (name) @reference.type)])
(named_type [(name) @reference.type (qualified_name (name) @reference.type)])
(base_clause [(name) @reference.type (qualified_name (name) @reference.type)])
(class_interface_clause [(name) @reference.type (qualified_name (name) @reference.type)])
(use_declaration [(name) @reference.type (qualified_name (name) @reference.type)])
(attribute [(name) @reference.type (qualified_name (name) @reference.type)])

(namespace_use_declaration) @import
(require_expression) @import
(require_once_expression) @import
(include_expression) @import
(include_once_expression) @import
