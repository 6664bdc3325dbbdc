"""Problems of single operators for anybody's implementation: models with inputs and the answers that are right."""
