"""What runs a job on a machine: Airflow, services, pages, logins and health."""
