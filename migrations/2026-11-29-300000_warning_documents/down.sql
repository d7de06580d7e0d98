DROP TABLE warning_documents;
