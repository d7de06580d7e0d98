DROP TABLE public_institutions;
